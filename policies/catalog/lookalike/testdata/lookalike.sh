#!/bin/sh
# FLEETSWEEP-LOOKALIKE-MARKER/1 id=0000a11c;
# A harmless member of the family Lookalike: it waits and does nothing.
exec sleep 3600
