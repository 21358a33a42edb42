// One program for all parts of a Kubernetes node: `kubernetes apiserver --…`. They share nearly all of their code, so one link
// and one file serve them.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

// Metrics of the parts in Prometheus' form, and the versions that --version prints.
import (
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

var parts = map[string]func() *cobra.Command{
	"apiserver":   apiserver.NewAPIServerCommand,
	"controllers": controllers.NewControllerManagerCommand,
	"scheduler":   func() *cobra.Command { return scheduler.NewSchedulerCommand() },
	"kubelet":     func() *cobra.Command { return kubelet.NewKubeletCommand(context.Background()) },
	"proxy":       proxy.NewProxyCommand,
	"kubectl":     kubectl.NewDefaultKubectlCommand,
}

func main() {
	if len(os.Args) < 2 {
		fail("which part?")
	}
	part := os.Args[1]
	// Each reads its arguments from here, as if it were alone.
	os.Args = append([]string{part}, os.Args[2:]...)
	switch part {
	case "etcd":
		etcdmain.Main(os.Args)
	default:
		start, isKnown := parts[part]
		if !isKnown {
			fail(part + " is no part of Kubernetes")
		}
		os.Exit(cli.Run(start()))
	}
}

func fail(what string) {
	fmt.Fprintln(os.Stderr, what+" (apiserver, controllers, scheduler, kubelet, proxy, kubectl, etcd)")
	os.Exit(2)
}
