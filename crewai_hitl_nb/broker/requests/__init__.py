"""What the broker decides about requests: answers, deadlines, presence."""
