package PVE::Storage::Custom::ProxmoxRebalancingService;

# No storage. Proxmox VE loads what lies in its directory for third-party storage plugins into all its programs, each file in
# an eval of its own; in pveproxy, and nowhere else, this one adds the path /prs to the API (ProxmoxRebalancingService/Bridge.pm).

use strict;
use warnings;

use base qw(PVE::Storage::Plugin);

# That of the running release: nothing of the interface between PVE and its storage plugins is used here.
sub api {
    return PVE::Storage::APIVER();
}

# There is no type of storage to register.
sub register { }

{
    # A program that loads PVE::Storage while it runs is not pveproxy, and has no use for the block.
    no warnings 'void';

    # PVE's own classes stand when everything has been compiled. What dies here would end pveproxy, hence the eval.
    INIT {
        if ($0 =~ m!(?:\A|/)pveproxy\z!) {
            eval {
                require PVE::Storage::Custom::ProxmoxRebalancingService::Bridge;
                PVE::Storage::Custom::ProxmoxRebalancingService::Bridge->install();
            };
            warn "no way to the rebalancing service through this port: $@" if $@;
        }
    }
}

1;
