"""The command line `tinyprop`: the same verbs as the Python interface.

In come arguments and files, out go files, tables and an exit code; every error of the package becomes one line. A command
reads its arguments, calls one function of the package and prints: nothing is computed here.
"""
