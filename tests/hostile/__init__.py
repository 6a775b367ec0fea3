"""What is sent to hurt: none of it hurts."""
