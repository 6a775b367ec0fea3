"""A team's servers on one machine: ``make demo-team``.

``__main__`` plays the demo; ``servers`` starts and stops the parts: a scratch PostgreSQL
(``database``), several ``crewai-hitl serve``, and HAProxy with ``haproxy.cfg`` (``balancer``),
which is the configuration that docs/team-server.md shows.
"""
