"""The audit trail: the chain of seals and its verification. Pure."""
