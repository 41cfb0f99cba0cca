"""What bench/papers measures the product's certificates against."""
