"""Builds a WHERE clause condition by condition, with the values that it binds by name.

Conditions are constants of ``reading.py``; values are bound and never become part of a statement.
"""

from crewai_hitl_nb.store.base import KeyScope


class Where:
    """Conditions that are joined by AND.

    Attributes:
        values: The values that the statement binds, by name.
    """

    def __init__(self, **values: object) -> None:
        self.values = values
        self._conditions = ["TRUE"]

    def add(self, condition: str, **values: object) -> None:
        """Add a condition whose names are bound to these values."""
        self._conditions.append(condition)
        self.values.update(values)

    def add_equal(self, column: str, name: str, value: object) -> None:
        """Add that a column has this value; None adds nothing."""
        if value is not None:
            self.add(f"{column} = :{name}", **{name: value})

    def add_scope(self, key_scope: KeyScope | None, table: str = "") -> None:
        """Add that a row is in the scope of a key; None adds nothing, since it has no limits."""
        if key_scope is None:
            return
        columns = (("execution_id", key_scope.executions), ("crew_id", key_scope.crews))
        conditions = []
        for column, names in columns:
            bound = {f"{column}{i}": name for i, name in enumerate(sorted(names))}
            self.values.update(bound)
            conditions.append(f"{table}{column} IN ({', '.join(':' + name for name in bound)})")
        self._conditions.append(f"({' OR '.join(conditions)})")

    def __str__(self) -> str:
        return " AND ".join(self._conditions)
