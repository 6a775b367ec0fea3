"""Builds a WHERE clause condition by condition, with the values that it binds by name.

Conditions are constants of a database's ``reading.py``; values are bound and never become part of a
statement.
"""

from collections.abc import Iterable

from crewai_hitl_nb.store.base import KeyScope, Match, RequestQuery


class Where:
    """Conditions that are joined by AND.

    Args:
        bind: How the database writes a bound name: ``:{}`` or ``%({})s``.
        values: What the statement binds besides.

    Attributes:
        values: The values that the statement binds, by name.
    """

    def __init__(self, bind: str, **values: object) -> None:
        self._bind = bind.format
        self.values = values
        self._conditions = ["TRUE"]

    def add(self, condition: str, **values: object) -> None:
        """Add a condition whose names are bound to these values."""
        self._conditions.append(condition)
        self.values.update(values)

    def add_equal(self, column: str, name: str, value: object) -> None:
        """Add that a column has this value; None adds nothing."""
        if value is not None:
            self.add(f"{column} = {self._bind(name)}", **{name: value})

    def add_one_of(self, column: str, name: str, values: Iterable[object] | None) -> None:
        """Add that a column has one of these values; None adds nothing."""
        if values is not None:
            self._conditions.append(self._one_of(column, name, values))

    def add_match(self, match: Match) -> None:
        """Add that a row of ``events`` is one that a reader wants."""
        self.add_equal("execution_id", "execution_id", match.execution_id)
        self.add_equal("crew_id", "crew_id", match.crew_id)
        self.add_scope(match.within)
        self.add_one_of("type", "type", match.types)

    def add_from(self, column: str, name: str, value: object) -> None:
        """Add that a column has this value or a greater one; None adds nothing."""
        if value is not None:
            self.add(f"{column} >= {self._bind(name)}", **{name: value})

    def add_query(self, query: RequestQuery, table: str) -> None:
        """Add that a row of ``requests`` is one that a listing wants, but for words and place.

        Args:
            query: The listing.
            table: Whose execution and crew are compared: see ``rows.found_by``.
        """
        if query.status == "closed":
            self.add("requests.status != 'pending'")
        else:
            self.add_equal("requests.status", "status", query.status)
        self.add_equal(f"{table}.execution_id", "execution_id", query.execution_id)
        self.add_equal(f"{table}.crew_id", "crew_id", query.crew_id)
        self.add_equal("requests.kind", "kind", query.kind)
        self.add_equal("requests.assignee", "assignee", query.assignee)
        self.add_scope(query.within, "requests.")

    def add_scope(self, key_scope: KeyScope | None, table: str = "") -> None:
        """Add that a row is in the scope of a key; None adds nothing, since it has no limits."""
        if key_scope is None:
            return
        columns = (("execution_id", key_scope.executions), ("crew_id", key_scope.crews))
        conditions = [self._one_of(f"{table}{column}", column, names) for column, names in columns]
        self._conditions.append(f"({' OR '.join(conditions)})")

    def _one_of(self, column: str, name: str, values: Iterable[object]) -> str:
        bound = {f"{name}{i}": value for i, value in enumerate(values)}
        self.values.update(bound)
        return f"{column} IN ({', '.join(map(self._bind, bound))})" if bound else "FALSE"

    def __str__(self) -> str:
        return " AND ".join(self._conditions)
