"""``allow_nested_loops()``: scripts written with ``asyncio.run`` run unchanged in a cell.

A cell has a running event loop, so Python refuses ``asyncio.run`` there. nest-asyncio2, the
maintained fork of nest-asyncio (whose release 1.6 loses widget messages under ipykernel 7.4),
lets event loops nest. It patches asyncio for the whole process, permanently, so it is never
applied unless the user calls this function. The module depends on neither half of the package
and does not need crewAI.
"""


def allow_nested_loops() -> None:
    """Let ``asyncio.run(...)`` work in a notebook cell, until the kernel ends.

    The patch has costs. asyncio's tasks and futures are replaced by the slower pure-Python ones,
    for every library in the process. While such a call runs, messages from widgets wait until
    the cell ends. And ``asyncio.run`` no longer cancels the tasks it leaves behind, so a
    ``HumanInputServer`` in this process stops without closing its open sockets properly.
    Prefer ``await main()`` in new code: it has none of these costs.

    Call this before the first ``asyncio.run``. Calling it more than once does no harm.

    Raises:
        ImportError: nest-asyncio2 is not installed.
    """
    try:
        import nest_asyncio2
    except ImportError as error:
        raise ImportError(
            "allow_nested_loops() needs nest-asyncio2: run `pip install nest-asyncio2`, or "
            "replace asyncio.run(main()) in the cell by `await main()`",
            name="nest_asyncio2",
        ) from error
    nest_asyncio2.apply()
