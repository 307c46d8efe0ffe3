import sys,glob,os,subprocess
out,size,cols=sys.argv[1],sys.argv[2],int(sys.argv[3]); w=int(sys.argv[4]); pat=sys.argv[5] if len(sys.argv)>5 else ''
fs=sorted(f for f in glob.glob(f'{out}/*-{size}-*.png') if pat in f)
print(len(fs))
