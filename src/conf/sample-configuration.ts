/**
 * The option file that a new node starts with: `re6stnet @re6stnet.conf`.
 * @param country where the machine says that it is; undefined: it does not
 */
export const sampleConfiguration = (registry: string, country: string | undefined): string => `\
# Options of re6stnet, one per line: the long name without dashes, then its values.
# Start the node with: re6stnet @re6stnet.conf
# Paths are relative to the directory in which re6stnet is started. "re6stnet --help" lists all options.

registry ${registry}
ca ca.crt
cert cert.crt
key cert.key
${country === undefined ? '' : `\n# Where this machine is, for others that choose peers by country.\ncountry ${country}\n`}
# Where logs, sockets and the cache go. The defaults are /var/log, /var/run and /var/lib/re6stnet.
#log log
#run run
#state state

# More detail in the log: 0 none, 1 warnings, 2 information, 3 debug, 4 trace.
#verbose 3

# Find other nodes on the local network, too. Once for each interface.
#interface eth0

# The address at which others can reach this machine, if it is neither asked for nor forwarded by a gateway.
#ip 192.0.2.1

# Listen on other ports, in order of preference.
#pp 1194 udp
#pp 1194 tcp
`
