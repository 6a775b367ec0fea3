"""``allow_nested_loops()``: scripts written with ``asyncio.run`` run unchanged in a cell.

A cell has a running event loop, so Python refuses ``asyncio.run`` there. nest-asyncio2,
the kept-up fork of nest-asyncio (1.6 loses a widget's messages under ipykernel 7.4), lets
loops nest. It patches asyncio for the whole process and for good, so nobody applies it
behind the user's back: this function is the only place that does. It stands beside the
two halves and knows neither, so it needs no crewAI.
"""


def allow_nested_loops() -> None:
    """Let ``asyncio.run(...)`` work in a notebook cell, until the kernel ends.

    What it costs: asyncio's tasks and futures become the slower ones in pure Python, for
    every library in the process; while such a call runs, messages from widgets wait for
    the end of the cell; and ``asyncio.run`` no longer cancels what it leaves behind, so a
    ``HumanInputServer`` of this process stops without a goodbye to its open sockets.
    Prefer ``await main()`` in new code: it needs none of this.

    Call it once or often, before the first ``asyncio.run``.

    Raises:
        ImportError: nest-asyncio2 is not installed.
    """
    try:
        import nest_asyncio2
    except ImportError as error:
        raise ImportError(
            "allow_nested_loops() needs nest-asyncio2: `pip install nest-asyncio2`; or leave "
            "asyncio.run(main()) out and write `await main()` in the cell",
            name="nest_asyncio2",
        ) from error
    nest_asyncio2.apply()
