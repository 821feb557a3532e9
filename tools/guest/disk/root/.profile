PS1='guest \w # '
bind 'set enable-bracketed-paste off'
dmesg -n 1
