"""What a GPU does with tinygan, in one file and one page to send in: ``python -m tinygan.cuda``.

    plan.py         how much is tried, until when, and how a section says what it finds
    machine.py      the GPU itself and its roofline
    compiling.py    do all kernels compile?
    rungs.py        are they right, with the same bits each time?
    guards.py       do they stay inside their arrays?
    steps.py        training steps: against the CPU, captured, and what they leave in memory
    graphs.py       how long steps and launches take
    workers.py      each section in a process of its own: a fault of one ends no other
    names.py        what a report must not name
    page.py         the results as a page
    run.py          the command
"""
