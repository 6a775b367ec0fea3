"""What a question in code is made of: the kinds of answers, and flat forms."""
