"""Running a program under interception: backend, environment, self-test."""
