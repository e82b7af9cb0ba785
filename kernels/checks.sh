#!/bin/sh
# What a machine must pass for its kernel to count as tested, as root:
#
#   sh checks.sh smoke|all
#
# beside the files lanstorm and, for all, the tests of namespace, netmgr, icmp, lab
# and evidence (lab.test, ...). Needs nothing but a POSIX shell and the usual small
# programs, those of busybox too. Exit code: 0 when all passed. Lines that begin
# with "row:" are for the table: what was found, and what was unlike other
# machines.
set -u
scope=$1
failed=0
log=$(mktemp)
trap 'rm -f "$log" "$log.code"' EXIT

# row KEY TEXT: a cell of the table, which has | between its own cells.
row() { printf 'row: %s: %s\n' "$1" "$(printf %s "$2" | tr '|\r\n' '/  ')"; }
fail() { failed=1; row failed "$1"; }
# keep COMMAND...: runs it, and shows and keeps what it prints. What it returns
# is its exit code, which a pipe would swallow.
keep() { { "$@" 2>&1; echo $? >"$log.code"; } | tee "$log"; return "$(cat "$log.code")"; }

features() { # TAGS: in the lab
	echo "== features $1"
	keep ./lanstorm run --interface lab --tags "$1" --no-colors
	code=$?
	row features "$(sed -n 's/^[0-9]* scenarios\{0,1\} in [0-9.]* s: //p' "$log" | tail -n 1)"
	[ $code = 0 ] && return
	fail "features: $(sed -n 's/^ *FAILED: //p; s/^ *INCONCLUSIVE: //p; s/^lanstorm: //p' "$log" | head -n 1)"
}

# killed: a run that is killed leaves things behind, and clean takes them away.
killed() {
	echo "== kill -9 and clean"
	before=$(traces)
	./lanstorm run --interface lab --tags @smoke --format progress >"$log" 2>&1 &
	run=$!
	while kill -0 $run 2>/dev/null && [ ! -e /etc/netns/ns1/resolv.conf ]; do sleep 0.05; done
	kill -9 $run
	wait $run 2>/dev/null
	[ -e /etc/netns/ns1 ] || fail "kill -9: the run had no client to leave behind"
	keep ./lanstorm clean || fail "clean: $(tail -n 1 "$log")"
	after=$(traces)
	[ "$before" = "$after" ] || fail "after kill -9 and clean there is: $after; before: $before"
}

# traces is what a run could leave: links, namespaces, their folders.
traces() { echo /sys/class/net/* $(ls -d /run/lanstorm /run/netns /run/netns/* /etc/netns /etc/netns/* 2>/dev/null); }

tests() { # PACKAGE [TEST...]: of its compiled tests, all where none is named
	package=$1
	shift
	echo "== tests of $package"
	[ -x "./$package.test" ] || { fail "there is no $package.test"; return; }
	keep "./$package.test" -test.v -test.run "^($(echo "${@:-.*}" | tr ' ' '|'))\$"
	code=$?
	passed=$((passed + $(grep -c '^--- PASS' "$log")))
	[ $code = 0 ] || fail "tests of $package: $(grep -m 1 '^ *--- FAIL' "$log" || tail -n 1 "$log")"
	for name in "$@"; do
		grep -q "^--- [A-Z]*: $name " "$log" || fail "tests of $package: there is no $name"
	done
	skips=$(sed -n 's/^ *--- SKIP: \([^ ]*\).*/\1/p' "$log")
	[ -z "$skips" ] || row differed "skipped $(echo $skips)"
}

row kernel "$(uname -r), $(awk '/^KernelPageSize/ { print $2; exit }' /proc/self/smaps) KiB pages"

echo "== doctor"
keep ./lanstorm doctor || fail "doctor: $(grep -m 1 '^problem' "$log")"
warnings=$(sed -n '/^warning *clock/d; s/^warning *//p' "$log" | tr '\n' ';') # QEMU's clock nothing keeps right
[ -z "$warnings" ] || row differed "doctor warns of $warnings"

if [ "$scope" = smoke ]; then
	features @smoke
else
	# A thousand clients, or two hundred that all begin again at once, are more than an
	# emulated processor can serve in time.
	features 'not @hardware and not @thousand and not (@scale and @short-leases)'
fi
killed
if [ "$scope" = all ]; then
	passed=0
	tests namespace
	# How clients are made, used and removed.
	tests netmgr TestTenClientsLeasePingAndAreGone \
		TestEveryModeReachesTheInternet TestClientsEndInTheModeAskedFor TestClientsHangOnABridgeAndOnAVLAN TestALinkOfTheMachineWithTheNameOfAClients \
		TestTheKernelGetsWhatTheLeaseSays TestMTUOfTheLease TestAPointToPointLease TestAllOrNothing \
		TestLeasesAreRenewedInTheKernelToo TestARefusedAddressIsNeverUsed \
		TestWhatIsNotOursIsLeftAlone TestTheMacvlanGoesEvenWhenItsNamespaceIsHeld \
		TestClientsHaveWhatTheRouterOffers TestClientsThatSpeakNothingButIPv6 TestAPrefixThatIsNoMore TestAWatchThatOverflows \
		TestClientsShareWhatTheyAreTold \
		TestAProgramSeesItsClientsMachine TestTwoClientsTalkByUDP TestHTTPComesFromTheClient \
		TestPingOfRoutersThatRefuse TestClientsReachEachOther TestPrivateModeKeepsClientsApart \
		TestAllClientsAreProbed TestDelayIsMeasured
	tests icmp TestOverflowsAreCounted TestEachRequestIsSeenToLeave TestBothFamiliesArePingedOverALink TestWhyNothingComesBackOverIPv6
	# Its router, and what that does wrong on purpose.
	tests lab TestClientsSee TestClientsSeeARouterBreakAndHeal TestTheInternetSeesOnlyTheRouter \
		TestPacketsAreHeldBackAndLost TestARogueServerTakesEverySecondClient \
		TestClientsInIsolationReachTheRouterOnly TestAGuestReachesTheRouterAndLeavesNothing \
		TestTheGateIsInNobodysWay TestABrokenLabLeavesTheMachineAsFound
	# What it shares with the kernel's packet sockets.
	tests evidence TestAScenarioHasItsOwnPackets TestLargeFramesAreCutButKnowTheirSize TestAVLANTagIsPutBack \
		TestTheParentGoesDownAndVanishes TestWhatIsLostIsTold
	row tests "$passed passed"
fi
[ $failed = 0 ] && echo "row: passed: yes"
exit $failed
