"""processes: programs that a node or hub runs beside itself and never leaves behind.

May touch: core, and the operating system's processes. What the programs are for is known to the
rooms that run them: `exchange` (nats-server) and `edge` (Caddy).
"""

from ringwall.processes.child import Child, installed_program, write_private

__all__ = ["Child", "installed_program", "write_private"]
