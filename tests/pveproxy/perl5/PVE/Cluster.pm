package PVE::Cluster;

# Stands in for Proxmox VE's: the nodes of the cluster.

use strict;
use warnings;

sub check_node_exists {
    my ($name, $quiet) = @_;
    return 1 if $name =~ m/\Apve[123]\z/;
    return undef if $quiet;
    die "no such cluster node '$name'\n";
}

1;
