package measure

// Jain is the fairness of what several got: 1 when all got the same, 1/n when one
// got everything (R. Jain, D. Chiu, W. Hawe: DEC-TR-301, 1984). Of nothing it is 1.
func Jain(shares []float64) float64 {
	sum, squares := 0.0, 0.0
	for _, s := range shares {
		sum, squares = sum+s, squares+s*s
	}
	if squares == 0 {
		return 1
	}
	return sum * sum / (float64(len(shares)) * squares)
}
