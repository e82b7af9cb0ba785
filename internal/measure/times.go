package measure

import "fmt"

// Times is "1 DISCOVER", "2 DISCOVERs".
func Times(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
