package PVE::INotify;

# Stands in for Proxmox VE's: the name of this node.

use strict;
use warnings;

sub nodename { return 'pve1'; }

1;
