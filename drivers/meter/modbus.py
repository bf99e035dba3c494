"""placeholder until the client lands below"""
