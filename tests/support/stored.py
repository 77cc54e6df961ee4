# SPDX-License-Identifier: Apache-2.0
"""Documents of a node that does not run, changed behind its back: as a crash or another version left them."""
import json
import pathlib
import sqlite3


def change(data, index, changes):
    """changes: by id, the members that are set; those that are None are removed."""
    with sqlite3.connect(pathlib.Path(data) / "berth.db") as file:
        for document, members in changes.items():
            where = "id = ? AND idx = (SELECT id FROM idx WHERE name = ?)"
            (source,), = file.execute(f"SELECT source FROM doc WHERE {where}", (document, index))
            source = {**json.loads(source), **members}
            source = {name: value for name, value in source.items() if value is not None}
            file.execute(f"UPDATE doc SET source = ? WHERE {where}", (json.dumps(source), document, index))
        # A mapping that is another one has its documents indexed anew.
        file.execute("UPDATE idx SET mapping = '' WHERE name = ?", (index,))
    file.close()
