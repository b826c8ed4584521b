# SPDX-License-Identifier: Apache-2.0
"""console_socket.py SOCKET [TEXT]: listens for the terminal's master that a runtime sends (--console-socket), prints
the words that come with it, types TEXT, and prints what the terminal says until it is hung up."""
import array
import os
import socket
import sys

listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
connection, _ = listener.accept()
words, ancillary, _, _ = connection.recvmsg(4096, 64)
master = array.array("i", ancillary[0][2])[0]
os.write(1, words + b"\n")
for text in sys.argv[2:]:
    os.write(master, text.encode())
while True:
    try:
        said = os.read(master, 4096)
    except OSError:
        break
    if not said:
        break
    os.write(1, said)
