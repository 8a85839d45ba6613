// What people do to plans and jobs, with the question before it. The functions end quietly when the answer is no.
Ext.define('PRS.Jobs', {
    singleton: true,

    open: (job) => ['queued', 'running', 'paused', 'cancelling'].includes(job.state),

    ask: (config) =>
        new Promise((resolve) => {
            Ext.Msg.show(
                Ext.apply(
                    {
                        title: gettext('Confirm'),
                        icon: Ext.Msg.QUESTION,
                        buttons: Ext.Msg.YESNO,
                        fn: resolve,
                    },
                    config,
                ),
            );
        }),

    // Asks once, in numbers, and starts; gives the job or undefined. `more` goes to the service, `remark` are lines of HTML.
    start: async function (plan, sum, more, remark) {
        let lines = PRS.JobWords.question(plan, sum, more).map(PRS.Format.esc);
        lines.push(...(remark || []));
        let answer = await PRS.Jobs.ask({ msg: lines.join('<br>') });
        if (answer !== 'yes') {
            return undefined;
        }
        let body = Ext.apply({ plan: plan.id }, more);
        let vmids = [...new Set(sum.moves.map((move) => move.vmid))];
        if (sum.count < plan.moves.length) {
            body.moves = vmids;
        }
        return PRS.Api.post('/jobs', body);
    },

    act: async function (job, action, body) {
        return PRS.Api.post(`/jobs/${job.id}/${action}`, body);
    },

    cancel: async function (job) {
        if (!job.progress.running) {
            let answer = await PRS.Jobs.ask({
                msg: gettext('Cancel the job? Nothing more is started.'),
            });
            return answer === 'yes' ? PRS.Jobs.act(job, 'cancel', { abort: false }) : undefined;
        }
        let running = PRS.Format.count(
            job.progress.running,
            gettext('{0} migration is running.'),
            gettext('{0} migrations are running.'),
        );
        let answer = await PRS.Jobs.ask({
            msg: `${gettext('Cancel the job? Nothing more is started.')}<br>${running}`,
            buttons: Ext.Msg.YESNOCANCEL,
            buttonText: {
                yes: gettext('Let them finish'),
                no: gettext('Stop them too'),
                cancel: gettext('Do not cancel'),
            },
        });
        if (answer !== 'yes' && answer !== 'no') {
            return undefined;
        }
        return PRS.Jobs.act(job, 'cancel', { abort: answer === 'no' });
    },

    // Seconds in which the HA manager obeys, which works in rounds of 10.
    obeys: 90,

    // Plans the way back and asks. The job ends the mode that keeps the node empty; a mode somebody else switched on ends first.
    bringBack: async function (job, busy) {
        // A drain that was just cancelled has ended its mode itself, and that shows a while later.
        if (job.state === 'cancelled' && Date.now() / 1000 - job.ended < PRS.Jobs.obeys) {
            busy(gettext('Waiting for the HA manager'));
            await PRS.Jobs.awaitEnd(job.node, job.ended + PRS.Jobs.obeys);
        }
        let cluster = await PRS.Api.get('/cluster');
        let node = cluster.nodes.find((one) => one.name === job.node);
        if (node && node.ha === 'maintenance' && !node.held) {
            let words = gettext('End the HA maintenance mode of {0} and bring its guests back?');
            let msg = Ext.String.format(words, PRS.Format.esc(job.node));
            if ((await PRS.Jobs.ask({ msg: msg })) !== 'yes') {
                return undefined;
            }
            busy(gettext('Waiting for the HA manager'));
            await PRS.Jobs.endMaintenance(job.node);
            cluster = await PRS.Jobs.awaitEnd(job.node, Date.now() / 1000 + PRS.Jobs.obeys);
            if (!cluster) {
                let late = gettext('The HA manager has not ended the maintenance mode of {0} yet.');
                throw PRS.Api.failure('refused', Ext.String.format(late, job.node));
            }
        }
        busy(gettext('Planning'));
        let plan = await PRS.Jobs.act(job, 'undo');
        let why = plan.stays.map(
            (stay) => `${PRS.Format.label(stay)} ${gettext('stays')}: ${stay.reason}`,
        );
        let lines = why.slice(0, 5).map((line) => PRS.Format.esc(line));
        if (plan.moves.length) {
            return PRS.Jobs.start(plan, PRS.Loads.after(plan, cluster, new Set()), {}, lines);
        }
        lines.unshift(PRS.Format.esc(plan.summary));
        Ext.Msg.alert(gettext('Bring guests back'), lines.join('<br>'));
        return undefined;
    },

    // Asks how the drain of a node shall end, and ends it. Gives the job that brings the guests back, or undefined.
    // `node` is one of /cluster; `busy` shows a text while it waits.
    endDrain: async function (node, busy) {
        let hold = node.held;
        if (!hold) {
            let words = gettext('End the HA maintenance mode of {0}?');
            let msg = PRS.Format.esc(Ext.String.format(words, node.name));
            if ((await PRS.Jobs.ask({ msg: msg })) === 'yes') {
                await PRS.Jobs.endMaintenance(node.name);
            }
            return undefined;
        }
        let words = [
            Ext.String.format(
                gettext('End the drain of {0}? It may have guests again.'),
                node.name,
            ),
        ];
        // A drain where HA is not in use never got it on.
        if (hold.maintenance && node.ha === 'maintenance') {
            words.push(gettext('HA maintenance mode is switched off.'));
        }
        let answer = await PRS.Jobs.ask({
            title: gettext('End drain'),
            msg: words.map(PRS.Format.esc).join('<br>'),
            buttons: Ext.Msg.YESNOCANCEL,
            buttonText: {
                yes: gettext('Bring guests back'),
                no: gettext('Leave them where they are'),
                cancel: gettext('Cancel'),
            },
        });
        if (answer === 'yes') {
            return PRS.Jobs.bringBack({ id: hold.job, node: node.name }, busy);
        }
        if (answer === 'no') {
            let done = await PRS.Jobs.release(node.name);
            if (done.message) {
                Ext.Msg.alert(gettext('End drain'), PRS.Format.esc(done.message));
            }
        }
        return undefined;
    },

    // A drained node gets no guests until it is released.
    release: (name) => PRS.Api.post(`/nodes/${encodeURIComponent(name)}/release`),

    endMaintenance: (name) =>
        PRS.Api.post(`/nodes/${encodeURIComponent(name)}/maintenance`, { enabled: false }),

    // Waits until the node is out of HA maintenance mode and gives the cluster; undefined when it is not by then (Unix time).
    awaitEnd: async function (name, end) {
        for (;;) {
            let cluster = await PRS.Api.get('/cluster');
            let node = cluster.nodes.find((one) => one.name === name);
            if (!node || node.ha !== 'maintenance') {
                return cluster;
            }
            if (Date.now() / 1000 > end) {
                return undefined;
            }
            await new Promise((resolve) => setTimeout(resolve, 2000));
        }
    },

    // PVE's own log window where there is one, else the node's task list in PVE's interface.
    showTask: function (upid) {
        if (window.Proxmox && Ext.ClassManager.get('Proxmox.window.TaskViewer')) {
            Ext.create('Proxmox.window.TaskViewer', { upid: upid, autoShow: true });
            return;
        }
        let node = encodeURIComponent(`node/${upid.split(':')[1]}`);
        let url = `https://${window.location.hostname}:8006/#v1:0:=${node}:4:=tasks`;
        window.open(url, '_blank', 'noopener');
    },

    // Of a plan that turns an earlier job round: {node} with the drained node that it fills again, if any; undefined for every other plan.
    back: function (plan) {
        let options = Object.fromEntries((plan && plan.options) || []);
        return options['way back of job'] ? { node: options['back to'] } : undefined;
    },

    what: function (job, method) {
        if (job.kind === 'drain') {
            return Ext.String.format(gettext('Drain {0}'), job.node);
        }
        let back = this.back(job.plan);
        if (back) {
            return back.node
                ? Ext.String.format(gettext('Release {0}'), back.node)
                : gettext('Bring guests back');
        }
        let label = PRS.Format.method(method);
        return label
            ? Ext.String.format(gettext('Rebalancing by {0}'), label)
            : gettext('Rebalancing');
    },

    // [word, how it looks]
    states: () => ({
        queued: [gettext('waiting to start'), 'busy'],
        running: [gettext('running'), 'busy'],
        paused: [gettext('paused'), 'warning'],
        cancelling: [gettext('being cancelled'), 'busy'],
        done: [gettext('done'), 'good'],
        partial: [gettext('partly done'), 'warning'],
        failed: [gettext('failed'), 'bad'],
        cancelled: [gettext('cancelled'), 'warning'],
    }),

    state: function (state) {
        let [word, look] = PRS.Jobs.states()[state] || [state, 'warning'];
        return PRS.Format[look](word);
    },
});
