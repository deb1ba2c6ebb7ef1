ROWS = {}


def run(bench):
    pass
