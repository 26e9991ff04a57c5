"""What the scheduler runs. A beat that nobody took dies before the next ones pile up (`ttl`)."""

from rq import cron

from messaging import jobs
from omega_project import heartbeat
from onboarding import jobs as onboarding_jobs
from voice import jobs as voice_jobs

cron.register(jobs.sweep, queue_name="io", interval=1, ttl=5, result_ttl=0, failure_ttl=3600)
cron.register(jobs.push, queue_name="io", interval=1, ttl=5, result_ttl=0, failure_ttl=3600)
cron.register(jobs.tidy, queue_name="io", interval=5, ttl=10, result_ttl=0, failure_ttl=3600)
cron.register(jobs.reconcile, queue_name="io", interval=5, ttl=10, result_ttl=0, failure_ttl=3600)
cron.register(jobs.count_days, queue_name="io", interval=30, ttl=60, result_ttl=0, failure_ttl=3600)
cron.register(jobs.listen, queue_name="io", interval=60, ttl=60, result_ttl=0, failure_ttl=3600)
cron.register(jobs.forget_changes, queue_name="io", interval=60, ttl=60, result_ttl=0, failure_ttl=3600)
cron.register(voice_jobs.tidy, queue_name="io", interval=5, ttl=10, result_ttl=0, failure_ttl=3600)
cron.register(voice_jobs.forget, queue_name="io", interval=3600, ttl=600, result_ttl=0, failure_ttl=3600)
cron.register(onboarding_jobs.tidy, queue_name="io", interval=1, ttl=5, result_ttl=0, failure_ttl=3600)
cron.register(heartbeat.beat, queue_name="io", interval=5, ttl=10, result_ttl=0, failure_ttl=3600)
