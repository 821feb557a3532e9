PS1='guest \w # '
dmesg -n 1
