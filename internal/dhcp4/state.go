package dhcp4

// State is where a client is in figure 5 of RFC 2131.
type State string

// The states. Checking is that of RFC 5227, between REQUESTING and BOUND: is
// the address really free?
const (
	Init       State = "INIT"
	Selecting  State = "SELECTING"
	Requesting State = "REQUESTING"
	Checking   State = "CHECKING"
	Bound      State = "BOUND"
	Renewing   State = "RENEWING"
	Rebinding  State = "REBINDING"
	InitReboot State = "INIT-REBOOT"
	Rebooting  State = "REBOOTING"

	// Nor is this one in the figure: the link was down and is up again, so the
	// client asks whether its address is still good here (RFC 2131 §3.7).
	Verifying State = "VERIFYING"

	// Not in the figure: nothing is done any more. But what was asked for may
	// still be granted, and is then to be given back.
	Leaving State = "LEAVING"
	Stopped State = "STOPPED"
)

// event is what makes a client do something.
type event int

const (
	onTick     event = iota // the time has come for what the state is to do next
	onOffer                 // an answer of this type, to the message under way
	onAck                   // likewise
	onNak                   // likewise
	onConflict              // another host says that it has the address
)

// input comes with an event.
type input struct {
	answer *answer // of onOffer, onAck and onNak
	rival  string  // of onConflict: the MAC address of the other host
}

// table is figure 5 and what RFC 5227 adds to it. What is not in it is ignored,
// as the RFC wants.
var table map[State]map[event]func(*Client, input)

func init() { // the actions look at the table, too
	table = map[State]map[event]func(*Client, input){
		Init:       {onTick: (*Client).discover},
		Selecting:  {onTick: (*Client).discoverAgain, onOffer: (*Client).choose},
		Requesting: {onTick: (*Client).requestAgain, onAck: (*Client).accept, onNak: (*Client).refused},
		Checking:   {onTick: (*Client).probe, onConflict: (*Client).decline},
		Bound:      {onTick: (*Client).renew, onConflict: (*Client).defend},
		Renewing:   {onTick: (*Client).extendAgain, onAck: (*Client).extend, onNak: (*Client).evicted, onConflict: (*Client).defend},
		Rebinding:  {onTick: (*Client).extendAgain, onAck: (*Client).extend, onNak: (*Client).evicted, onConflict: (*Client).defend},
		Leaving:    {onTick: (*Client).depart, onAck: (*Client).grantedLate},
		InitReboot: {onTick: (*Client).reboot},
		Rebooting:  {onTick: (*Client).rebootAgain, onAck: (*Client).accept, onNak: (*Client).refused},
		Verifying:  {onTick: (*Client).verifyAgain, onAck: (*Client).extend, onNak: (*Client).evicted, onConflict: (*Client).defend},
	}
}

// asking reports whether a client in this state is in the middle of an exchange
// with a server that is to give it an address.
func (s State) asking() bool { return s == Selecting || s == Requesting || s == Rebooting }

// holds reports whether a client in this state may use its address.
func (s State) holds() bool {
	return s == Bound || s == Renewing || s == Rebinding || s == Verifying
}
