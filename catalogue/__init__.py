"""Reference data shipped with the product, and the readers that refuse a wrong file."""
