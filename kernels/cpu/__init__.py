"""Shared by the rungs on the CPU: the compiler's options, tasks on all cores, pointers, memory."""
