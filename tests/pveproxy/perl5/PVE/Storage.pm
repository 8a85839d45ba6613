package PVE::Storage;

# Stands in for Proxmox VE's storage layer: it loads third-party plugins as that does, each in an eval.

use strict;
use warnings;

use PVE::Storage::Plugin;

use constant APIVER => 15;
use constant APIAGE => 6;

for my $place (map { "$_/PVE/Storage/Custom" } @INC) {
    opendir(my $folder, $place) or next;
    for my $file (sort grep { m/\.pm\z/ } readdir($folder)) {
        ($file) = $file =~ m/\A(\w+\.pm)\z/ or next;
        my $module = "PVE::Storage::Custom::$file" =~ s/\.pm\z//r;
        eval {
            require "PVE/Storage/Custom/$file";
            die "not derived from PVE::Storage::Plugin\n" if !$module->isa('PVE::Storage::Plugin');
            die "does not provide an api() method\n" if !$module->can('api');
            my $version = $module->api();
            die "implements an API version newer than current\n" if $version > APIVER;
            die "API version too old, please update the plugin\n" if $version < APIVER - APIAGE;
            $module->register();
            warn "Plugin \"$module\" is implementing an older storage API, an upgrade is recommended\n" if $version != APIVER;
        };
        warn "Error loading storage plugin \"$module\": $@" if $@;
    }
    last;
}

1;
