package PVE::RPCEnvironment;

# Stands in for Proxmox VE's: who calls, as methods of the API are told. PVE 8 does not tell them the credentials.

use strict;
use warnings;

my $self = bless {}, __PACKAGE__;

sub get { return $self; }

sub set_client_ip { $_[0]->{client} = $_[1]; }

sub get_client_ip { return $_[0]->{client}; }

if (($ENV{PVE_RELEASE} // 9) >= 9) {
    no strict 'refs';
    *{'set_credentials'} = sub { $_[0]->{credentials} = $_[1]; };
    *{'get_credentials'} = sub { return $_[0]->{credentials} // die "credentials not set\n"; };
}

1;
