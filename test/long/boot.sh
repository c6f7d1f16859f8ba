#!/bin/sh
# Boots the Debian in directory $1 as a container, in namespaces that the caller has made: what an init expects there,
# then the init $2.
set -e
root=$1
init=$2
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
# Nodes of its own, not those of the real machine: an init gives its console to root alone.
device() { mknod -m 666 "dev/$1" c "$2" "$3"; }
device null 1 3
device zero 1 5
device full 1 7
device random 1 8
device urandom 1 9
device tty 5 0
device console 1 3
mkdir dev/net dev/pts dev/shm dev/mqueue dev/hugepages
mknod dev/net/tun c 10 200
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ip link set lo up
# Where sysvinit notes its runlevel.
touch run/utmp
# Not chroot alone: systemd gives its services views of the file system, which needs a root that is a mount.
pivot_root . mnt
cd /
exec env -i container=test PATH=/usr/sbin:/usr/bin sh -c "umount -l /mnt; exec $init" <&-
