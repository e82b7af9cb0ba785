package wire

import (
	"testing"

	"github.com/lanstorm/lanstorm/internal/nstest"
)

func TestMain(m *testing.M) { nstest.Main(m) }
