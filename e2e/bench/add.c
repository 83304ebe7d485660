/*
 * The floor: what an ADD of bridge with host-local asks of the kernel, and nothing else.
 *
 * usage: add BRIDGE FOLDER GATEWAY    stdin: a line "NETNS CONTAINER HOSTVETH" for each ADD
 *                                     stdout: a line of nanoseconds for each: CPU of the process, wall
 *
 * It mirrors, in their order, the system calls of an ADD by our delegates (isDefaultGateway, one IPv4 range,
 * a /16) on a node where the bridge stands and an address has been given before:
 *
 *   - the container's namespace opened, told from other files and from the host's; a netlink socket opened in
 *     it, with extended acknowledgements, capped ones, strict checking and a timeout (that of the host stays
 *     open, as in a process that serves many, and so does its ip_forward);
 *   - bridge looked at; the veth pair made in the container with its peer on the host, echoed; accept_ra of
 *     the peer and the bridge; peer up, in the bridge and set as a port, in one send;
 *   - host-local: flock, last address read, new one reserved by an unnamed file that is linked, last address
 *     written, time of the folder set;
 *   - in the container accept_dad and arp_notify, then address, up and default route in one send;
 *   - on the host the bridge's addresses listed, ip_forward read, port (for its operational state) and bridge
 *     looked at in one send.
 *
 * What a plugin does beside the kernel is left out: no JSON, no configuration, no checks of what was asked,
 * no index of the addresses in use, no errors that explain themselves, no way back.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define HERE "/proc/thread-self/ns/net"
#define FORWARDING "/proc/sys/net/ipv4/ip_forward"
#define NS_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
#define SKIP_STATISTICS (1 << 3)

static char out[4096], in[65536];
static size_t used;
static uint32_t sequence;

static int must(int result, const char *doing)
{
	if (result < 0)
		err(1, "%s", doing);
	return result;
}

/* --- messages --- */

static void *append(const void *data, size_t length)
{
	char *at = out + used;

	memset(at, 0, NLMSG_ALIGN(length));
	if (data)
		memcpy(at, data, length);
	used += NLMSG_ALIGN(length);
	return at;
}

static struct nlmsghdr *begin(uint16_t type, uint16_t flags, const void *body, size_t length)
{
	struct nlmsghdr *message = append(NULL, sizeof *message);

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = ++sequence;
	append(body, length);
	return message;
}

static void end(struct nlmsghdr *message)
{
	message->nlmsg_len = out + used - (char *)message;
}

static struct rtattr *attribute(uint16_t kind, const void *value, size_t length)
{
	struct rtattr *made = append(NULL, sizeof *made);

	made->rta_type = kind;
	made->rta_len = RTA_LENGTH(length);
	append(value, length);
	return made;
}

static void number(uint16_t kind, uint32_t value)
{
	attribute(kind, &value, sizeof value);
}

static void text(uint16_t kind, const char *value)
{
	attribute(kind, value, strlen(value) + 1);
}

static void close_nest(struct rtattr *nest)
{
	nest->rta_len = out + used - (char *)nest;
}

static void send_packed(int net)
{
	size_t length = used;

	used = 0;
	must(send(net, out, length, 0), "send");
}

/* The next datagram; a refusal in it ends the program. */
static struct nlmsghdr *answer(int net)
{
	struct nlmsghdr *message = (void *)in;

	must(recv(net, in, sizeof in, 0), "recv");
	if (message->nlmsg_type == NLMSG_ERROR) {
		errno = -((struct nlmsgerr *)NLMSG_DATA(message))->error;
		if (errno)
			err(1, "the kernel refused");
	}
	return message;
}

static struct ifinfomsg *link_in(struct nlmsghdr *message)
{
	if (message->nlmsg_type != RTM_NEWLINK)
		errx(1, "the answer is no link");
	return NLMSG_DATA(message);
}

static void *value_of(struct nlmsghdr *message, uint16_t kind)
{
	int left = IFLA_PAYLOAD(message);
	struct rtattr *each = IFLA_RTA(NLMSG_DATA(message));

	for (; RTA_OK(each, left); each = RTA_NEXT(each, left))
		if (each->rta_type == kind)
			return RTA_DATA(each);
	errx(1, "the answer lacks attribute %d", kind);
}

/* --- what is done --- */

static int open_net(int namespace)
{
	int home = must(open(HERE, NS_FLAGS), HERE), net, one = 1;
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct timeval patience = {.tv_sec = 20};

	must(setns(namespace, CLONE_NEWNET), "setns");
	net = must(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "socket");
	must(setns(home, CLONE_NEWNET), "setns");
	close(home);
	must(setsockopt(net, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof one), "setsockopt");
	must(setsockopt(net, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof one), "setsockopt");
	must(setsockopt(net, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof one), "setsockopt");
	must(setsockopt(net, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "setsockopt");
	must(connect(net, (void *)&kernel, sizeof kernel), "connect");
	return net;
}

/* Open one or two parameters on one visit, then write them. */
static void set_sysctls(int namespace, const char *first, const char *value, const char *second, const char *other)
{
	int home = must(open(HERE, NS_FLAGS), HERE), files[2] = {-1, -1};

	must(setns(namespace, CLONE_NEWNET), "setns");
	files[0] = must(open(first, O_WRONLY | O_CLOEXEC | O_NOCTTY), first);
	if (second)
		files[1] = must(open(second, O_WRONLY | O_CLOEXEC | O_NOCTTY), second);
	must(setns(home, CLONE_NEWNET), "setns");
	close(home);
	must(write(files[0], value, strlen(value)), first);
	if (second) {
		must(write(files[1], other, strlen(other)), second);
		close(files[1]);
	}
	close(files[0]);
}

static void get_link(const char *name, int index)
{
	struct ifinfomsg which = {.ifi_index = index};
	struct nlmsghdr *message = begin(RTM_GETLINK, 0, &which, sizeof which);

	number(IFLA_EXT_MASK, SKIP_STATISTICS);
	if (name)
		text(IFLA_IFNAME, name);
	end(message);
}

static void change_link(int index, unsigned flags, uint16_t more)
{
	struct ifinfomsg which = {.ifi_index = index, .ifi_flags = flags, .ifi_change = flags};

	end(begin(RTM_SETLINK, more, &which, sizeof which));
}

/* The pair, made in the container. Returns the index of the end there, and the other's. */
static int make_veth(int net, int host, const char *far_name, unsigned group, int *far)
{
	struct ifinfomsg none = {0};
	struct nlmsghdr *message =
	    begin(RTM_NEWLINK, NLM_F_ACK | NLM_F_ECHO | NLM_F_CREATE | NLM_F_EXCL, &none, sizeof none);
	struct rtattr *info, *data, *peer;
	int near;

	text(IFLA_IFNAME, "eth0");
	number(IFLA_NUM_TX_QUEUES, 1);
	number(IFLA_NUM_RX_QUEUES, 1);
	number(IFLA_GROUP, group);
	info = attribute(IFLA_LINKINFO, NULL, 0);
	text(IFLA_INFO_KIND, "veth");
	data = attribute(IFLA_INFO_DATA, NULL, 0);
	peer = attribute(VETH_INFO_PEER, &none, sizeof none);
	text(IFLA_IFNAME, far_name);
	number(IFLA_NUM_TX_QUEUES, 1);
	number(IFLA_NUM_RX_QUEUES, 1);
	number(IFLA_TXQLEN, 0);
	number(IFLA_NET_NS_FD, host);
	close_nest(peer);
	close_nest(data);
	close_nest(info);
	end(message);
	send_packed(net);
	message = answer(net);
	near = link_in(message)->ifi_index;
	*far = *(int *)value_of(message, IFLA_LINK);
	answer(net);
	return near;
}

static void plug(int net, int far, int bridge)
{
	struct ifinfomsg which = {.ifi_index = far};
	struct nlmsghdr *message;
	struct rtattr *settings;
	uint8_t off = 0;

	change_link(far, IFF_UP, 0);
	message = begin(RTM_SETLINK, 0, &which, sizeof which);
	number(IFLA_MASTER, bridge);
	end(message);
	which.ifi_family = AF_BRIDGE;
	message = begin(RTM_SETLINK, NLM_F_ACK, &which, sizeof which);
	settings = attribute(IFLA_PROTINFO | NLA_F_NESTED, NULL, 0);
	attribute(IFLA_BRPORT_MODE, &off, sizeof off);
	attribute(IFLA_BRPORT_ISOLATED, &off, sizeof off);
	close_nest(settings);
	end(message);
	send_packed(net);
	answer(net);
}

/* Returns the address after the last one, reserved for the container. */
static struct in_addr reserve(const char *folder, const char *container)
{
	char path[256], self[64], dotted[INET_ADDRSTRLEN] = "", owner[128];
	struct in_addr address;
	struct stat before, after;
	struct timespec times[2];
	int lock, file, length;

	snprintf(path, sizeof path, "%s/lock", folder);
	lock = must(open(path, O_RDONLY | O_CLOEXEC), path);
	must(flock(lock, LOCK_EX), "flock");
	must(stat(folder, &before), folder);

	snprintf(path, sizeof path, "%s/last_reserved_ip.0", folder);
	file = must(open(path, O_RDONLY | O_CLOEXEC), path);
	must(fstat(file, &after), path);
	length = must(read(file, dotted, sizeof dotted - 1), path);
	close(file);
	dotted[length] = 0;
	if (!inet_aton(dotted, &address))
		errx(1, "%s: no address", path);
	address.s_addr = htonl(ntohl(address.s_addr) + 1);
	inet_ntop(AF_INET, &address, dotted, sizeof dotted);

	file = must(open(folder, O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600), folder);
	length = snprintf(owner, sizeof owner, "%s\r\neth0", container);
	must(write(file, owner, length), "reservation");
	snprintf(self, sizeof self, "/proc/self/fd/%d", file);
	snprintf(path, sizeof path, "%s/%s", folder, dotted);
	must(linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW), path);
	close(file);

	snprintf(path, sizeof path, "%s/last_reserved_ip.0", folder);
	file = must(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600), path);
	must(fstat(file, &after), path);
	must(write(file, dotted, strlen(dotted)), path);
	close(file);

	must(stat(folder, &after), folder);
	times[0] = after.st_atim;
	times[1] = after.st_mtim;
	times[1].tv_nsec = times[1].tv_nsec < 1000000 ? 0 : times[1].tv_nsec - 1000000;
	must(utimensat(AT_FDCWD, folder, times, 0), folder);
	must(stat(folder, &after), folder);
	close(lock);
	return address;
}

/* The address with its broadcast, up, and the default route over the gateway. */
static void configure(int net, int near, struct in_addr address, struct in_addr gateway)
{
	struct ifaddrmsg with = {
	    .ifa_family = AF_INET, .ifa_prefixlen = 16, .ifa_index = near, .ifa_scope = RT_SCOPE_UNIVERSE};
	struct rtmsg to = {.rtm_family = AF_INET,
			   .rtm_table = RT_TABLE_MAIN,
			   .rtm_protocol = RTPROT_BOOT,
			   .rtm_scope = RT_SCOPE_UNIVERSE,
			   .rtm_type = RTN_UNICAST};
	struct nlmsghdr *message = begin(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &with, sizeof with);

	attribute(IFA_LOCAL, &address, sizeof address);
	attribute(IFA_ADDRESS, &address, sizeof address);
	number(IFA_BROADCAST, address.s_addr | htonl(0xffff));
	end(message);
	change_link(near, IFF_UP, 0);
	message = begin(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE, &to, sizeof to);
	number(RTA_DST, 0);
	attribute(RTA_GATEWAY, &gateway, sizeof gateway);
	number(RTA_OIF, near);
	end(message);
	send_packed(net);
	answer(net);
}

static void list_addresses(int net, int index)
{
	struct ifaddrmsg of = {.ifa_family = AF_INET, .ifa_index = index};

	end(begin(RTM_GETADDR, NLM_F_DUMP, &of, sizeof of));
	send_packed(net);
	while (answer(net)->nlmsg_type != NLMSG_DONE)
		;
}

struct host {
	int namespace, net, forwarding;
};

static void add(const struct host *host, const char *path, const char *bridge_name, const char *folder,
		struct in_addr gateway, const char *container, const char *far_name)
{
	int pod = must(open(path, NS_FLAGS), path), pod_net, bridge, near, far;
	char accept_ra[128], far_accept_ra[128], forwards[64];
	struct stat ours, theirs;
	struct in_addr address;

	if (must(ioctl(pod, NS_GET_NSTYPE), path) != CLONE_NEWNET)
		errx(1, "%s: not a network namespace", path);
	must(fstat(pod, &theirs), path);
	must(fstat(host->namespace, &ours), HERE);
	if (ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev)
		errx(1, "%s: our own namespace", path);

	get_link(bridge_name, 0);
	send_packed(host->net);
	bridge = link_in(answer(host->net))->ifi_index;

	pod_net = open_net(pod);
	near = make_veth(pod_net, host->namespace, far_name, strtoul(far_name + 4, NULL, 16) | 0x80000000, &far);
	snprintf(far_accept_ra, sizeof far_accept_ra, "/proc/sys/net/ipv6/conf/%s/accept_ra", far_name);
	snprintf(accept_ra, sizeof accept_ra, "/proc/sys/net/ipv6/conf/%s/accept_ra", bridge_name);
	set_sysctls(host->namespace, far_accept_ra, "0", accept_ra, "0");
	plug(host->net, far, bridge);

	address = reserve(folder, container);
	set_sysctls(pod, "/proc/sys/net/ipv6/conf/eth0/accept_dad", "0", "/proc/sys/net/ipv4/conf/eth0/arp_notify",
		    "1");
	configure(pod_net, near, address, gateway);

	list_addresses(host->net, bridge);
	must(pread(host->forwarding, forwards, sizeof forwards, 0), FORWARDING);
	get_link(NULL, far);
	get_link(NULL, bridge);
	send_packed(host->net);
	if (*(uint8_t *)value_of(answer(host->net), IFLA_OPERSTATE) != 6)
		errx(1, "%s is not up", far_name);
	link_in(answer(host->net));

	close(pod_net);
	close(pod);
}

static unsigned long long now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

int main(int argc, char **argv)
{
	char path[128], container[64], far_name[IFNAMSIZ];
	struct in_addr gateway;
	struct host host;

	if (argc != 4 || !inet_aton(argv[3], &gateway))
		errx(2, "usage: add BRIDGE FOLDER GATEWAY");
	host.namespace = must(open(HERE, NS_FLAGS), HERE);
	host.net = open_net(host.namespace);
	host.forwarding = must(open(FORWARDING, O_RDONLY | O_CLOEXEC | O_NOCTTY), FORWARDING);
	while (scanf("%127s %63s %15s", path, container, far_name) == 3) {
		unsigned long long cpu = now(CLOCK_PROCESS_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);

		add(&host, path, argv[1], argv[2], gateway, container, far_name);
		printf("%llu %llu\n", now(CLOCK_PROCESS_CPUTIME_ID) - cpu, now(CLOCK_MONOTONIC) - wall);
		fflush(stdout);
	}
	return 0;
}
