// Written by `lanstorm steps --glue`, for editors: docs/editors.md. Nothing runs it.

defineParameterType({ name: 'clients', regexp: /(all clients|each client|every client|the other clients|"?\d+"? of the clients)/ })
defineParameterType({ name: 'ipv4', regexp: /"?([iI][pP][vV][46])"?/ })
defineParameterType({ name: 'n', regexp: /"?(-?(?:\d{1,3}(?:,\d{3})+|\d+))"?/ })
defineParameterType({ name: 'name', regexp: /"([^"]+)"/ })
defineParameterType({ name: 'nth', regexp: /"?(-?(?:\d{1,3}(?:,\d{3})+|\d+))"?(?:st|nd|rd|th)/ })
defineParameterType({ name: 'size', regexp: /("?-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"? ?[kKMG]B"?)/ })
defineParameterType({ name: 'time', regexp: /("?-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"? ?(?:ms|s|m|h|[mM]illiseconds?|[sS]ecs?|[sS]econds?|[mM]ins?|[mM]inutes?|[hH]ours?)"?)/ })
defineParameterType({ name: 'x', regexp: /"?(-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)"?/ })
defineParameterType({ name: 'xth', regexp: /"?(-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?)"?(?:st|nd|rd|th)/ })

// Set-up
Given(`the router IP address is configured`, () => {}) // targets.router in godog.yml is auto or a host's address
Given(`the base network interface is available on the system`, () => {}) // the interface exists, is wired, up and has carrier
Given(`I initialize the Network Manager`, () => {}) // checks that clients can be made here
Given(`I create {n} virtual client(s) using macvlan`, () => {}) // makes n clients: a namespace, a macvlan, a DHCP lease, a resolver each
Given(`I provision {n} virtual client(s) using macvlan`, () => {}) // makes n clients: a namespace, a macvlan, a DHCP lease, a resolver each
Given(`I create {n} client(s) connected to the router`, () => {}) // makes n clients: a namespace, a macvlan, a DHCP lease, a resolver each
Given(`I launch {n} client(s) using the selected topology`, () => {}) // makes n clients: a namespace, a macvlan, a DHCP lease, a resolver each (clients.topology: wired)
Given(`I create {n} virtual client(s) using macvlan, at most {n} at a time`, () => {}) // the same, but no more than that many ask for an address at one time
Given(`I create {n} client(s) connected to the router, at most {n} at a time`, () => {}) // the same, but no more than that many ask for an address at one time
Given(`I create {n} virtual client(s) using macvlan at {n} per second`, () => {}) // the same, each client asking for its address when its time has come
Given(`I create {n} virtual client(s) using macvlan over {time}`, () => {}) // the same, each client asking for its address when its time has come
Given(`I create {n} client(s) connected to the router at {n} per second`, () => {}) // the same, each client asking for its address when its time has come
Given(`I create {n} client(s) connected to the router over {time}`, () => {}) // the same, each client asking for its address when its time has come

// Addresses
Given(`each client should receive a valid IP address from the router`, () => {}) // a host's address of the router's subnet, with a gateway and a lease time; with targets.router auto also: as most have it, and the gateway answers ARP
Given(`no two clients should receive the same IP address`, () => {}) // no address was leased to two clients
Given(`no two clients should have the same IP address`, () => {}) // no address was leased to two clients
Given(`no two clients should receive duplicate IP addresses`, () => {}) // no address was leased to two clients
Given(`no two clients should receive duplicate IP addresses \(IPv4 or IPv6\)`, () => {}) // no address was leased to two clients; nor has one an IPv6 address of another host
Given(`all assigned IPs should be reachable`, () => {}) // another client gets a reply from each address, and the gateway answers each client's ARP
Given(`all assigned IPv4 and IPv6 addresses should be reachable`, () => {}) // another client gets a reply from each address, and the gateway answers each client's ARP; the same of the global IPv6 addresses, by neighbour solicitations

// Leases
Given(`all clients should keep their addresses for {time}`, () => {}) // none loses its lease or gets another address meanwhile, however often leases are renewed
Given(`the router should renew all leases at T1`, () => {}) // clients ask their own server (unicast) at half of the lease time, and get more; waits for that, 10 minutes at most
Given(`the router should renew all leases when asked`, () => {}) // clients ask their own server for more now, and get it
Given(`the router should rebind all leases at T2`, () => {}) // clients ask all servers (broadcast), because theirs was silent, and get more; waits for that
Given(`the router should rebind all leases when asked`, () => {}) // clients ask all servers for more now, and get it
Given(`all leases should end when nobody renews them`, () => {}) // clients ask for more in vain, and stop using their address when the lease ends; waits for that
Given(`all clients reboot`, () => {}) // each remembers its address and asks whether it may use it (INIT-REBOOT)
Given(`all clients decline their addresses`, () => {}) // each says that another host has its address (DECLINE), and asks for another 10 seconds later
Given(`the router should confirm all addresses when clients reboot`, () => {}) // they reboot, and their REQUESTs must be answered by ACK
Given(`the router should refuse addresses of another network`, () => {}) // clients come back with an address from elsewhere, and their REQUESTs must be answered by NAK
Given(`the router should refuse addresses of other clients`, () => {}) // clients ask for the address of the next client, and their REQUESTs must be answered by NAK
Given(`no declined address should be given out again`, () => {}) // waits until those that declined one have another
Given(`the router should answer INFORM with options and no lease`, () => {}) // every client asks for options, with the address that it has

// Clients that ask, and give back
Given(`{n} client(s) ask(s) for an address`, () => {}) // creates n clients that ask; does not wait for their addresses
Given(`one more client asks for an address`, () => {}) // creates one that asks; does not wait for its address
Given(`{n} of {n} client(s) should get an address`, () => {}) // of all clients exactly so many have one after dhcp.timeout, and the others were offered none
Given(`{n} of {n} client(s) should get an address within {time}`, () => {}) // of all clients exactly so many have one then, and the others were offered none
Given(`all clients that wait should get an address within {time}`, () => {}) // those that ask and have none
Given(`all clients release their addresses`, () => {}) // each gives its lease back (RELEASE), and then does nothing
Given(`one client releases its address`, () => {}) // the first that has one
Given(`all clients ask for an address again`, () => {}) // those that gave theirs back look for a server; does not wait for their addresses
Given(`all clients should have an address again within {time}`, () => {}) // since the lab router or the clients rebooted, or they gave their addresses back
Given(`all clients should have their old address again within {time}`, () => {}) // each has again, since then, what it had before

// DHCP servers
Given(`the router should follow the DHCP standard`, () => {}) // no client has seen it do anything against an RFC
Given(`all clients should have their lease from the same DHCP server`, () => {}) // no second server on the LAN gave a lease to one of them
Given(`only the router should answer DHCP`, () => {}) // no client has heard another server, taken or not; the router is targets.router or the gateway of most leases
Given(`no client should have the address of another host`, () => {}) // each client asks by ARP who else has its address

// Connectivity
Given(`all clients attempt to ping Google DNS`, () => {}) // every client pings targets.google_dns (8.8.8.8) or, with IPV6, targets.google_dns_ipv6, all at once, for ping.duration
Given(`all clients attempt to ping Google DNS {ipv4}`, () => {}) // every client pings targets.google_dns (8.8.8.8) or, with IPV6, targets.google_dns_ipv6, all at once, for ping.duration
Given(`all clients attempt to ping the router simultaneously`, () => {}) // every client pings the router (targets.router; with IPV6 targets.router_ipv6), all at once, for ping.duration
Given(`all clients attempt to ping the router simultaneously {ipv4}`, () => {}) // every client pings the router (targets.router; with IPV6 targets.router_ipv6), all at once, for ping.duration
Given(`all clients attempt to ping the router simultaneously using`, () => {}) // every client pings the router (targets.router; with IPV6 targets.router_ipv6), all at once, for ping.duration
Given(`all clients attempt to ping the router simultaneously using {ipv4}`, () => {}) // every client pings the router (targets.router; with IPV6 targets.router_ipv6), all at once, for ping.duration
Given(`all clients ping the router in parallel`, () => {}) // every client pings the router (targets.router; with IPV6 targets.router_ipv6), all at once, for ping.duration
Given(`All the client pinging parallel`, () => {}) // every client pings the router (targets.router; with IPV6 targets.router_ipv6), all at once, for ping.duration
Given(`all clients should respond successfully`, () => {}) // no client lost more than ping.max_loss of its last pings
Given(`each client should successfully reach the router`, () => {}) // the same of the pings to the router, which are made if there were none
Given(`each client should successfully reach the internet`, () => {}) // the same of the pings to Google DNS, which are made if there were none
Given(`the overall network connectivity should remain stable`, () => {}) // at least ping.min_answered of the clients had an answer to their last pings

// IPv6
Given(`each client should have a global IPv6 address`, () => {}) // by router advertisements (SLAAC) or DHCPv6, and no other host has it
Given(`each client should have a DHCPv6 address`, () => {}) // a DHCPv6 server gave it, and no other host has it
Given(`each client should have a name server by IPv6`, () => {}) // the router's advertisements (RDNSS) or DHCPv6 name one
Given(`all clients should reach the internet over IPv6`, () => {}) // no client loses more than ping.max_loss of its pings to targets.google_dns_ipv6, which are made now
Given(`no two clients should have the same interface identifier`, () => {}) // the lower halves of their IPv6 addresses differ
Given(`after the router reboots the old prefix should be deprecated`, () => {}) // waits until the router has advertised itself again, and then until no client uses an address of a prefix that it does not advertise any more; dhcp.timeout at most
Given(`the router should follow the IPv6 standards`, () => {}) // neither its advertisements nor DHCPv6 had anything against an RFC

// Latency
Given(`{clients} measure(s) the latency to the router for {time}`, () => {}) // each pings it, evenly spread over ping.interval, with the kernel's times
Given(`{clients} measure(s) the latency to Google DNS for {time}`, () => {}) // each pings it, evenly spread over ping.interval, with the kernel's times
Given(`the {xth} percentile latency to the router should be under {time}`, () => {}) // of all replies of the newest measurement, which is made for ping.duration if there was none; lost pings do not count
Given(`the {xth} percentile latency to Google DNS should be under {time}`, () => {}) // of all replies of the newest measurement, which is made for ping.duration if there was none; lost pings do not count
Given(`no client should lose more than {x}% of its pings`, () => {}) // in the newest round of pings or measurement of latency; the latter is made, to the router, if there was neither

// Names and pages
Given(`each client should resolve {name}`, () => {}) // the DNS servers of each client's lease know an IPv4 address of the name
Given(`each client should fetch {name}`, () => {}) // each client gets the page at this URL by HTTP, status 200, whole, within 30s

// Downloads and uploads
Given(`the download target URL is configured`, () => {}) // download.url is set, or this is the lab
Given(`a {size} ZIP file URL is configured as the download source`, () => {}) // the same; in the lab, where download.url is not set, clients get a file of that size
Given(`the host machine can reach the download server`, () => {}) // this machine, or the lab's router, gets an answer from download.url
Given(`{clients} start(s) downloading the {size} ZIP file simultaneously`, () => {}) // each gets all of download.url, over download.connections, within download.timeout
Given(`{clients} start(s) downloading the configured file simultaneously`, () => {}) // each gets all of download.url, over download.connections, within download.timeout
Given(`each client should complete the download`, () => {}) // each got all of it, with the right length (download.verify)
Given(`each client should complete the download within {time}`, () => {}) // each got all of it, with the right length (download.verify)
Given(`{clients} start(s) uploading {size} simultaneously`, () => {}) // each sends so much to upload.url
Given(`each client should complete the upload`, () => {}) // the server took all of it
Given(`{clients} keep(s) downloading`, () => {}) // each gets all of download.url, over download.connections, within download.timeout, again and again; goes on beside the next sentences until it is told to stop, or the scenario ends
Given(`{clients} keep(s) uploading`, () => {}) // each sends 20 MB to upload.url, again and again; goes on beside the next sentences until it is told to stop, or the scenario ends
Given(`the downloads stop`, () => {}) // no client does so any more; those that failed meanwhile are told
Given(`the uploads stop`, () => {}) // no client does so any more; those that failed meanwhile are told
Given(`the total throughput should be at least {x} Mbit\/s`, () => {}) // of all clients together, in what they did last, without the first 2 seconds
Given(`no client should get less than {x}% of the fair share`, () => {}) // of what each would have had, in what they did last, if all had got the same

// Video
Given(`the video streaming configuration is loaded`, () => {}) // video.urls is set, or this is the lab
Given(`{clients} start(s) streaming a video simultaneously`, () => {}) // each plays one of video.urls, in turn, as a player does (HLS, RFC 8216), for video.duration
Given(`each client should successfully stream for the given duration`, () => {}) // each began within video.startup, and stood still for no more than video.max_stall of the time
Given(`{clients} keep(s) streaming a video`, () => {}) // each plays one of video.urls, in turn, as a player does (HLS, RFC 8216); goes on beside the next sentences until it is told to stop, or the scenario ends
Given(`the streams stop`, () => {}) // no client plays any more; those that failed meanwhile are told

// Different things at one time
Given(`I assign a random workload to each client for {time}`, () => {}) // each gets one by chance (stress.seed), and begins when the next sentence says so
Given(`a stress scenario manager with duration {n} seconds and download URL {name}`, () => {}) // the same, for all clients that there are then, and downloads are of this URL
Given(`I start the stress test`, () => {}) // the workloads assigned are done, again and again, until their time is over
Given(`I should see results for each namespace`, () => {}) // each client did its work at least once, and never failed; starts it, if nobody has
Given(`the clients do this for {time}`, () => {}) // a table: | clients | doing |, with rows such as | 10 | streaming a video |; what can be done: connecting to the router, downloading, idle, pinging Google DNS, pinging the router, resolving names, streaming a video, uploading
Given(`the clients do this for {time}:`, () => {}) // a table: | clients | doing |, with rows such as | 10 | streaming a video |; what can be done: connecting to the router, downloading, idle, pinging Google DNS, pinging the router, resolving names, streaming a video, uploading
Given(`the clients keep doing this`, () => {}) // the same, beside the next sentences, until everything stops or the scenario ends
Given(`the clients keep doing this:`, () => {}) // the same, beside the next sentences, until everything stops or the scenario ends
Given(`everything stops`, () => {}) // no client does anything any more; those that failed meanwhile are told

// Latency under load
Given(`{clients} load(s) the line for {time}`, () => {}) // they download and upload for so long, after 5 seconds of silence; meanwhile all clients measure the latency to targets.google_dns
Given(`{clients} load(s) the line down for {time}`, () => {}) // they download for so long, after 5 seconds of silence; meanwhile all clients measure the latency to targets.google_dns
Given(`{clients} load(s) the line up for {time}`, () => {}) // they upload for so long, after 5 seconds of silence; meanwhile all clients measure the latency to targets.google_dns
Given(`the latency under load should be graded {name} or better`, () => {}) // by the latency that the load adds: A+ below 5 ms, A 30, B 60, C 200, D 400, else F
Given(`the latency under load should be graded {name}`, () => {}) // exactly so: by the latency that the load adds: A+ below 5 ms, A 30, B 60, C 200, D 400, else F

// The lab's router, misbehaving on purpose
Given(`the lab router hands out {n} address(es)`, () => {}) // its DHCP server has n addresses in all, as lab.pool says (lab.faults: pool <n>)
Given(`the lab router gives leases of {time}`, () => {}) // every lease is for so long, as lab.lease_time says; 0 is no lease time at all (lab.faults: lease-time <n>s)
Given(`the lab router does not answer DHCP`, () => {}) // DHCP messages are not answered (lab.faults: silent-dhcp)
Given(`the lab router drops every {nth} DHCP message`, () => {}) // of the DHCP messages that reach it, one in n is lost (lab.faults: drop-dhcp <n>)
Given(`the lab router drops {x}% of DHCP messages`, () => {}) // of the DHCP messages that reach it, x percent are lost, by a random sequence that is the same in every run (lab.faults: drop-dhcp <x>%)
Given(`the lab router delays DHCP by {time}`, () => {}) // each answer of its DHCP server comes so much later (lab.faults: delay-dhcp <n>ms)
Given(`the lab router refuses every REQUEST`, () => {}) // addresses are offered, but each REQUEST is answered by a NAK (lab.faults: nak)
Given(`the lab router does not renew leases`, () => {}) // a REQUEST for more of a lease is not answered (lab.faults: no-renewals)
Given(`the lab router does not answer renewals by unicast`, () => {}) // a REQUEST for more of a lease is answered only when it came by broadcast, as it does once the client rebinds (lab.faults: no-unicast-renewals)
Given(`the lab router gives clients another address each time`, () => {}) // a client that begins anew is offered another address than it had, and refused when it asks for that; renewals are as ever (lab.faults: changes-addresses)
Given(`the lab router never sends a NAK`, () => {}) // a REQUEST that it should refuse is not answered (lab.faults: no-naks)
Given(`the lab router ignores RELEASE`, () => {}) // an address that is given back stays taken until its lease ends (lab.faults: ignore-releases)
Given(`the lab router ignores DECLINE`, () => {}) // a client that declined an address is offered the same again (lab.faults: ignore-declines)
Given(`the lab router answers INFORM with a lease`, () => {}) // the ACK to an INFORM has an address and a lease time, against RFC 2131 §4.3.5 (lab.faults: inform-leases)
Given(`the lab router gives T1 and T2 in the wrong order`, () => {}) // leases say that they are to be rebound (option 59) before they are to be renewed (option 58) (lab.faults: wrong-times)
Given(`{n} host(s) of the LAN have/has addresses that the lab router gives out`, () => {}) // the first n addresses that its DHCP server has are those of other hosts, as of printers that were set up by hand (lab.faults: squatters <n>)
Given(`the lab router gives the same address to two clients`, () => {}) // every second client gets the address of the one before; by DHCPv6 likewise (lab.faults: duplicate-address)
Given(`the lab router hands out addresses of the wrong subnet`, () => {}) // leases, and the gateway in them, are of the subnet beside the LAN's: 10.76.0.0/16 instead of 10.77.0.0/16 (lab.faults: wrong-subnet)
Given(`the lab router names no gateway`, () => {}) // leases lack the router (option 3) (lab.faults: no-gateway)
Given(`the lab router names no DNS server`, () => {}) // leases lack the name servers (option 6) (lab.faults: no-dns)
Given(`a rogue DHCP server is on the LAN`, () => {}) // a second server, 10.77.0.2, offers every second client an address of 10.79.0.0/16 with a dead gateway, and is faster (lab.faults: rogue-dhcp)
Given(`a rogue DHCP server is on the LAN, faster for {x}% of the clients`, () => {}) // such a server makes offers to all clients, to x percent of them before the router, to the others too late (lab.faults: rogue-dhcp <x>%)
Given(`the lab router stops answering DHCP after {n} lease(s)`, () => {}) // once n clients have a lease its DHCP server hangs, until it reboots (lab.faults: stop-after <n>)
Given(`the lab router reboots after {n} lease(s)`, () => {}) // once n clients have a lease it reboots, as if its power had failed: link down, leases forgotten (lab.faults: reboot-after <n>)
Given(`the lab router does not answer DNS`, () => {}) // DNS queries to the router are not answered (lab.faults: silent-dns)
Given(`the Internet is cut`, () => {}) // the cable from the lab's router to its provider is unplugged (lab.faults: internet-down)
Given(`the lab router loses {x}% of packets`, () => {}) // of the packets between it and the Internet, either way, x percent are lost, by a random sequence that is the same in every run (lab.faults: loss <x>%)
Given(`the lab router delays packets by {time}`, () => {}) // each packet between it and the Internet, either way, is held back so long (lab.faults: delay <n>ms)
Given(`the lab router answers pings {time} late`, () => {}) // pings to the router itself are answered so much later; what it forwards is not held back (lab.faults: delay-pings <n>ms)
Given(`the lab's line is {x}\/{x} Mbit\/s`, () => {}) // its line to the provider is no faster than that, down and up, as lab.line says; packets wait in a buffer for it (lab.faults: line <x>/<x> Mbit/s)
Given(`the lab's line has a buffer of {time}`, () => {}) // a full buffer takes so long to empty, as lab.buffer says, either way; say first how fast the line is (lab.faults: buffer <n>ms)
Given(`the lab router serves the first client only`, () => {}) // the first client that opens a TCP connection through it is served, the others share a few packets a second; pings and DNS are as ever (lab.faults: first-client-only)
Given(`the lab router isolates clients`, () => {}) // clients reach the router but not one another, as in a guest network; say it before they are created (lab.faults: isolation)
Given(`the lab router tells name servers by DHCPv6`, () => {}) // hosts make their IPv6 addresses themselves, and ask DHCPv6 for the rest (O flag), as lab.ipv6 has it with stateless (lab.faults: stateless-ipv6)
Given(`the lab router gives IPv6 addresses by DHCPv6 only`, () => {}) // hosts make none themselves (M flag, no A flag), as lab.ipv6 has it with stateful (lab.faults: stateful-ipv6)
Given(`the lab router gives IPv6 addresses by DHCPv6, too`, () => {}) // hosts make one themselves and have one by DHCPv6, as lab.ipv6 has it with both (lab.faults: both-ipv6)
Given(`the lab router sends no router advertisements`, () => {}) // hosts hear of neither router nor prefix, as behind a router without IPv6 (lab.faults: no-ra)
Given(`the lab router is no default router for IPv6`, () => {}) // its advertisements have a router lifetime of 0: hosts make addresses, but have no way out (lab.faults: ra-lifetime-0)
Given(`the lab router sends router advertisements every {time}`, () => {}) // advertisements to all hosts come so often; every 3s is the most that RFC 4861 allows (lab.faults: fast-ra <n>ms)
Given(`the lab router's advertisements lack the source link-layer address`, () => {}) // hosts must ask for its MAC address before they use it (lab.faults: no-ra-source)
Given(`the lab router advertises lifetimes beyond RFC 9096`, () => {}) // its prefix is valid for 30 days and preferred for 7, not for 90 and 45 minutes (lab.faults: long-ra-lifetimes)
Given(`the lab router names no DNS server by IPv6`, () => {}) // advertisements and DHCPv6 lack the name servers; DHCP for IPv4 has them (lab.faults: no-rdnss)
Given(`the lab router advertises an MTU of 1280`, () => {}) // advertisements have that MTU, the least that IPv6 allows (lab.faults: small-mtu)
Given(`the lab router does not answer DHCPv6`, () => {}) // DHCPv6 messages are not answered, although its advertisements say that it has addresses (M flag), whatever lab.ipv6 is (lab.faults: silent-dhcp6)
Given(`the lab router changes its prefix without a word`, () => {}) // it advertises and routes 2001:db8:78::/64, and the old prefix no more, which hosts are not told (lab.faults: new-prefix)
Given(`the lab router gets another prefix when it reboots`, () => {}) // each reboot gives it the next prefix, and it advertises the old one as deprecated, as RFC 9096 §3.5 wants (lab.faults: reboot-prefix)
Given(`the lab router gets another prefix when it reboots, and does not deprecate the old one`, () => {}) // each reboot gives it the next prefix, and hosts are not told that the old one is no more (lab.faults: stale-prefix)
Given(`the IPv6 Internet is cut`, () => {}) // the router has no way to the provider for IPv6, and says so; IPv4 goes on (lab.faults: ipv6-internet-down)
Given(`a rogue router sends router advertisements`, () => {}) // a host of the LAN advertises 2001:db8:bad::/64 and itself as the better default router, and drops what it gets (lab.faults: rogue-ra)
Given(`another host answers duplicate address detection`, () => {}) // whichever global IPv6 address a client wants, a host of the LAN says that it has it (lab.faults: duplicate-ipv6)
Given(`the lab router has room for {n} IPv6 neighbour(s)`, () => {}) // of the hosts that speak IPv6 to it only the first n are heard; the others get addresses and no more (lab.faults: few-neighbours <n>)
Given(`the lab router reboots`, () => {}) // as after a power cut: link down for a moment, leases forgotten
Given(`the lab router works again`, () => {}) // as godog.yml says, with what it does wrong there

// Wi-Fi
Given(`WiFi radio is on`, () => {}) // a scenario that says so is skipped: virtual clients hang on a wire
Given(`WiFi radio should be off`, () => {}) // a scenario that says so is skipped: virtual clients hang on a wire
Given(`I turn off WiFi radio`, () => {}) // a scenario that says so is skipped: virtual clients hang on a wire
Given(`I connect to WiFi`, () => {}) // a scenario that says so is skipped: virtual clients hang on a wire
Given(`WiFi should be connected`, () => {}) // a scenario that says so is skipped: virtual clients hang on a wire
Given(`the config file should only have one network block`, () => {}) // a scenario that says so is skipped: virtual clients hang on a wire
Given(`I should have IPv4 address`, () => {}) // a scenario that says so is skipped: virtual clients hang on a wire
Given(`I should have IPv6 address`, () => {}) // a scenario that says so is skipped: virtual clients hang on a wire
Given(`I can ping internet`, () => {}) // a scenario that says so is skipped: virtual clients hang on a wire
Given(`all clients attempt to ping WiFi Client {ipv4}`, () => {}) // a scenario that says so is skipped: virtual clients hang on a wire
