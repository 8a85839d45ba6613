package PVE::Exception;

# Stands in for Proxmox VE's: an error with an HTTP status, or with one message for each wrong parameter.

use strict;
use warnings;

use base qw(Exporter);
our @EXPORT_OK = qw(raise raise_param_exc);

sub raise {
    my ($message, %more) = @_;
    die bless { msg => $message, %more }, __PACKAGE__;
}

sub raise_param_exc {
    my ($errors) = @_;
    raise("Parameter verification failed.\n", code => 400, errors => $errors);
}

1;
