"""What ``runtime`` starts, composed part by part from the use cases and the edges."""
