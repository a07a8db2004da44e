"""What a GPU does with tinygan, in one file and one page to send in: ``python -m tinygan.cuda``.

    plan.py       how much is tried, and until when
    kernels.py    do they compile, are they right, do they stay inside their arrays?
    steps.py      training steps: against the CPU, captured, their memory and their time
    machine.py    the GPU itself and its roofline
    workers.py    each section in a process of its own: a fault of one ends no other
    page.py       the results as a page
    run.py        the command
"""
