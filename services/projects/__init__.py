"""投资项目全程代办: claim, check list, joint meetings, the clock that stands still, load per person, the towns' six rules."""
