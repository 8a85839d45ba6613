package PVE::Cluster;

# Stands in for Proxmox VE's: the nodes of the cluster, and its log, here a file (in a machine /run/cluster.log).

use strict;
use warnings;

sub check_node_exists {
    my ($name, $quiet) = @_;
    return 1 if $name =~ m/\Apve[123]\z/;
    return undef if $quiet;
    die "no such cluster node '$name'\n";
}

sub cfs_update { return 1; }

sub log_msg {
    my ($priority, $ident, $message) = @_;
    my ($place) = ($ENV{CLUSTER_LOG} || '/run/cluster.log') =~ m/\A(.+)\z/;
    open(my $file, '>>', $place) or die "no cluster log: $!\n";
    print $file "$priority <$ident> $message (", PVE::SafeSyslog::tag(), ")\n";
}

1;
