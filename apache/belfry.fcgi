#!/bin/sh
# What the web server starts: says where the configuration is, and becomes
# Belfry.  Neither file should be below the folder of your site.
#
# chmod 755 it: some servers refuse what others than you may write to.
BELFRY_CONFIG=/home/you/belfry/belfry.conf
export BELFRY_CONFIG
# glibc keeps small pieces of memory that were freed, and with each the page it
# lies in: without this line every process takes 400 kB more.
GLIBC_TUNABLES=glibc.malloc.tcache_count=0
export GLIBC_TUNABLES
exec /home/you/belfry/belfry
