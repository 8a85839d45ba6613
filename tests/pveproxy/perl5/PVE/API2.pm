package PVE::API2;

# Stands in for the root of Proxmox VE's API: it has /version, and what plugins add.

use strict;
use warnings;

use base qw(PVE::RESTHandler);

__PACKAGE__->register_method({
    name => 'version',
    path => 'version',
    parameters => { properties => {} },
    code => sub { return { version => '9.2.11' }; },
});

1;
