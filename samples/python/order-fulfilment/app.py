"""Fulfils orders: reserve, have large ones approved, charge, ship; whatever fails, everything done
before is undone.
"""

import bank
import warehouse
from fulfil import fulfil

__all__ = ["bank", "fulfil", "warehouse"]
