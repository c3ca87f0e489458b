#!/bin/sh
# What the web server starts: says where the configuration is, and becomes
# Belfry.  Neither file should be below the folder of your site.
#
# chmod 755 it: some servers refuse what others than you may write to.
BELFRY_CONFIG=/home/you/belfry/belfry.conf
export BELFRY_CONFIG
exec /home/you/belfry/belfry
