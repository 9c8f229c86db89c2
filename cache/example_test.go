package cache_test

import (
	"context"
	"fmt"
	"time"

	"github.com/researchflow/researchflow/cache"
)

func ExampleCache_GetOrLoad() {
	c := cache.New(cache.Config{TTL: 5 * time.Minute, MaxBytes: 64 << 20})
	defer c.Close()

	load := func(context.Context) (any, int64, error) {
		fmt.Println("loading")
		return "the rows", 8, nil
	}
	for range 3 {
		rows, err := c.GetOrLoad(context.Background(), "server|tenant|view", load)
		fmt.Println(rows, err)
	}
	fmt.Println(c.Stats().HitRatePercent)
	// Output:
	// loading
	// the rows <nil>
	// the rows <nil>
	// the rows <nil>
	// 66.7
}
