package dhcp6

// State is where a client is in RFC 9915 §18.2.
type State string

// The states.
const (
	Init       State = "INIT" // it does nothing, or not yet
	Soliciting State = "SOLICITING"
	Requesting State = "REQUESTING"
	Informing  State = "INFORMING"
	Informed   State = "INFORMED"
	Bound      State = "BOUND"
	Renewing   State = "RENEWING"
	Rebinding  State = "REBINDING"
	Confirming State = "CONFIRMING"
	Declining  State = "DECLINING"
	Releasing  State = "RELEASING"
	Stopped    State = "STOPPED"
)

// event is what makes a client do something.
type event int

const (
	onTick      event = iota // the time has come for what the state is to do next
	onSpent                  // the message under way has been sent as often as may be
	onAdvertise              // an answer of this type, to the message under way
	onReply                  // likewise
	onConflict               // another host has the address
	onLink                   // the link was down and is up again
)

// table is what a client does. What is not in it is ignored.
var table map[State]map[event]func(*Client, *answer)

func init() { // the actions look at the table, too
	table = map[State]map[event]func(*Client, *answer){
		Init:       {onTick: (*Client).anew},
		Soliciting: {onTick: (*Client).solicitAgain, onAdvertise: (*Client).choose, onReply: (*Client).accept, onLink: (*Client).solicit},
		Requesting: {onTick: (*Client).again, onSpent: (*Client).requestInVain, onReply: (*Client).accept, onConflict: (*Client).decline},
		Informing:  {onTick: (*Client).again, onReply: (*Client).informed, onLink: (*Client).inform},
		Informed:   {onTick: (*Client).inform, onLink: (*Client).inform},
		Bound:      {onTick: (*Client).renew, onReply: (*Client).another, onConflict: (*Client).decline, onLink: (*Client).confirm},
		Renewing:   {onTick: (*Client).again, onSpent: (*Client).rebind, onReply: (*Client).accept, onConflict: (*Client).decline, onLink: (*Client).confirm},
		Rebinding:  {onTick: (*Client).again, onReply: (*Client).accept, onConflict: (*Client).decline, onLink: (*Client).confirm},
		Confirming: {onTick: (*Client).again, onSpent: (*Client).goOn, onReply: (*Client).confirmed, onConflict: (*Client).decline, onLink: (*Client).confirm},
		Declining:  {onTick: (*Client).again, onSpent: (*Client).declined, onReply: (*Client).declined},
		Releasing:  {onTick: (*Client).releaseAgain, onSpent: (*Client).releaseInVain, onReply: (*Client).released},
	}
}
