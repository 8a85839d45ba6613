package PVE::SafeSyslog;

# Stands in for Proxmox VE's: the tag of log lines.

use strict;
use warnings;
use base 'Exporter';

our @EXPORT = qw(syslog initlog);

my $tag = 'unknown';

sub initlog { ($tag) = @_; }

sub syslog { }

sub tag { return $tag; }

1;
