"""What is made of each recorded payload of others: a table a folder, checked by eye and compared by a test.

A row is an event: its place, id, kind, time, author, and for what must not be copied here (texts, titles, links)
how much there is of it and a digest. Of long files the first rows and the last stand there, and a digest of all.

    python -m tests.golden show FOLDER [PART OF A NAME]     the rows with their texts, to be compared with the file
    python -m tests.golden write [FOLDER ...]               the tables anew
"""
